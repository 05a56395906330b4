"""Which channels of a model's networks stay: a plan, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.files import read_json, write_whole
from mmgancomp.runtime.structure import SCHEMA

from .groups import Kept

__all__ = ['ChannelPlan', 'NetworkPlan', 'check_divisor', 'content_key']


def check_divisor(key: str, value: Any) -> int:
    """Return a divisor of widths.

    Raises:
        ConfigError: It is not a whole number of at least 1.
    """
    if type(value) is not int or value < 1:
        raise ConfigError.at(
            key, value, 'write a whole number: 2 halves every width, 1 '
            'leaves it')
    return value


def content_key(key: str, plan: Any) -> str:
    """What the content of a plan is called in errors: with its file.

    Args:
        key: Where the plan stands.
        plan: What stands there: a file's name, or the content itself.
    """
    return key if isinstance(plan, Mapping) else f'{key} ({plan})'


def _channels(key: str, value: Any) -> list[int]:
    """What stays of a group; its network says whether it has them."""
    if not isinstance(value, list | tuple) or any(
            type(channel) is not int for channel in value):
        raise ConfigError.at(
            key, value, 'what stays of a channel group is a list of whole '
            'numbers, like [0, 2, 5]; if you mean a divisor, ' +
            closest(key.rpartition('.')[2], ['divisor']))
    return list(value)


@dataclass(frozen=True)
class NetworkPlan:
    """What stays of the networks that one config builds.

    Either all widths are divided, or groups say which of their channels
    stay; never both.

    Attributes:
        divisor: Each hidden width becomes ``max(1, width // divisor)``.
        kept: Channel group → the channels that stay. Groups that are not
            named stay whole.
    """

    divisor: int = 1
    kept: Kept = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Any, key: str) -> NetworkPlan:
        """Read an entry of a plan.

        Args:
            entry: Plain values.
            key: Where it stands, for errors.

        Raises:
            ConfigError: Something in it is unknown or impossible.
        """
        if not isinstance(entry, Mapping):
            raise ConfigError.at(key, entry,
                                 'write a dict, like {"divisor": 2} or '
                                 '{"<group>": [0, 2, 5]}')
        if 'divisor' not in entry:
            return cls(kept={
                str(name): _channels(f'{key}.{name}', channels)
                for name, channels in entry.items()
            })
        for name, value in entry.items():
            if name != 'divisor':
                raise ConfigError.at(
                    f'{key}.{name}', value, 'beside a divisor there are no '
                    'channel groups: its network has other ones')
        return cls(check_divisor(f'{key}.divisor', entry['divisor']))

    def entry(self) -> dict[str, Any]:
        """Plain values for JSON and checkpoints."""
        if self.kept:
            return {name: list(kept) for name, kept in self.kept.items()}
        return {'divisor': self.divisor}


@dataclass(frozen=True)
class ChannelPlan:
    """Roles (``'generator'``) and what stays of their networks.

    Networks that one config builds, like CycleGAN's two generators, share
    one entry.

    Example:
        >>> plan = ChannelPlan({'generator': NetworkPlan(divisor=2)})
        >>> plan.document()
        {'schema': 1, 'networks': {'generator': {'divisor': 2}}}

    Attributes:
        networks: Role → its plan.
    """

    networks: Mapping[str, NetworkPlan] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Any, key: str = 'plan') -> ChannelPlan:
        """Read a plan from plain values.

        Args:
            document: ``{"schema": 1, "networks": {…}}``.
            key: What it is called in errors.

        Raises:
            ConfigError: It is no plan of this release.
        """
        if not isinstance(document, Mapping) or 'networks' not in document:
            raise ConfigError.at(
                key, document,
                'write {"schema": 1, "networks": {"generator": {"divisor": '
                '2}}}')
        check_options(key, document, ('schema', 'networks'))
        schema = document.get('schema')
        if type(schema) is not int or schema != SCHEMA:
            raise ConfigError.at(f'{key}.schema', schema,
                                 f'this release reads {SCHEMA}')
        networks = document['networks']
        if not isinstance(networks, Mapping) or not networks:
            raise ConfigError.at(
                f'{key}.networks', networks,
                'say what stays of which network: {"generator": {"divisor": '
                '2}}')
        return cls({
            role: NetworkPlan.of(entry, f'{key}.networks.{role}')
            for role, entry in networks.items()
        })

    @classmethod
    def read(cls, path: str | Path, key: str = 'plan') -> ChannelPlan:
        """Read a plan from a JSON file.

        Raises:
            ConfigError: There is no such file, or it is no plan.
        """
        try:
            document = read_json(path)
        except OSError as error:
            raise ConfigError.at(
                key, str(path),
                f'cannot be read: {error.strerror or error}') from None
        except ValueError as error:
            raise ConfigError.at(key, str(path),
                                 f'is not valid JSON: {error}') from None
        return cls.of(document, content_key(key, path))

    @classmethod
    def given(cls, plan: Any, key: str) -> ChannelPlan:
        """Read a plan that a config holds or names.

        Args:
            plan: Plain values, or a JSON file.
            key: Where it stands, for errors.

        Raises:
            ConfigError: It is neither, or no plan.
        """
        if isinstance(plan, Mapping):
            return cls.of(plan, key)
        if not isinstance(plan, str | Path):
            raise ConfigError.at(key, plan,
                                 'name a plan.json, or write its content')
        return cls.read(plan, key)

    def document(self) -> dict[str, Any]:
        """Plain values, as in the file."""
        return {
            'schema': SCHEMA,
            'networks': {
                role: plan.entry()
                for role, plan in self.networks.items()
            }
        }

    def write(self, path: str | Path) -> None:
        """Write the plan as JSON, whole or not at all."""
        write_whole(Path(path), json.dumps(self.document(), indent=1) + '\n')
