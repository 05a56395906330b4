"""Numbers as people read them; what was not measured is a dash."""

from __future__ import annotations

__all__ = [
    'ABSENT', 'bytes_text', 'count_text', 'duration_text', 'milliseconds_text',
    'number_text', 'percent_text', 'ratio_text'
]

ABSENT = '–'


def count_text(value: float | None) -> str:
    """9,876 · 63.8 k · 1.23 M: short, and exact while that is short."""
    if value is None:
        return ABSENT
    if value < 1e4:
        return f'{value:,}'
    return _scaled(value, ((1e9, ' G'), (1e6, ' M'), (1e3, ' k')))


def bytes_text(value: float | None) -> str:
    """Bytes in decimal units, as disks are sold."""
    if value is None:
        return ABSENT
    if value < 1e3:
        return f'{value} B'
    return _scaled(value, ((1e9, ' GB'), (1e6, ' MB'), (1e3, ' kB')))


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    # 999,700 is 1.00 M: as thousands it would round to 1000 k.
    size, unit = next(u for u in units if value >= .9995 * u[0])
    scaled = value / size
    return f'{scaled:.{_digits(scaled)}f}{unit}'


def _digits(scaled: float) -> int:
    return 2 if scaled < 10 else 1 if scaled < 100 else 0


def milliseconds_text(value: float | None) -> str:
    """Milliseconds with about three digits."""
    if value is None:
        return ABSENT
    return f'{value:.{_digits(value)}f} ms'


def percent_text(share: float | None) -> str:
    """A share of one as a percentage; never rounded to 0 % or 100 %."""
    if share is None:
        return ABSENT
    text = f'{share:.1%}'
    if (text == '100.0%' and share != 1) or (text == '0.0%' and share != 0):
        text = f'{share:.3%}'
    return text.replace('%', ' %')


def number_text(value: float | None) -> str:
    """A metric: four digits that count, without an exponent if short."""
    if value is None:
        return ABSENT
    if float(value).is_integer() and abs(value) < 1e6:
        return f'{int(value):,}'
    return f'{value:.4g}'


def ratio_text(value: float | None, reference: float | None) -> str:
    """How many times the reference, or nothing where that says nothing."""
    if value is None or not reference:
        return ''
    if value == reference:
        return 'same'
    return f'× {value / reference:.3g}'


def duration_text(seconds: float | None) -> str:
    """Seconds as 42 s, 3 min 20 s or 2 h 05 min."""
    if seconds is None:
        return ABSENT
    if seconds < 60:
        return f'{seconds:.0f} s'
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest:02d} s'
    return f'{minutes // 60} h {minutes % 60:02d} min'
