#!/bin/sh
# Print the Python to set mmgancomp up with, or say why there is none.
# Looks at $PYTHON if set and at nothing else, otherwise at .venv and the
# usual names. Each one is run: a name on PATH need not be a Python that
# works (a pyenv shim, say). The bounds are python_requires in setup.cfg.
oldest=3.11
newest=3.12
probe='import sys; print("%d.%d" % sys.version_info[:2])'

if [ -n "$PYTHON" ]; then
    set -- "$PYTHON"
else
    set -- python3.11 python3.12 python3 python
    [ -x .venv/bin/python ] && set -- .venv/bin/python "$@"
fi

tried=
for candidate in "$@"; do
    version=$("$candidate" -c "$probe" 2>/dev/null)
    case $version in
    "$oldest" | "$newest")
        echo "$candidate"
        exit 0
        ;;
    '') tried="$tried $candidate (does not run)," ;;
    *) tried="$tried $candidate ($version)," ;;
    esac
done

{
    echo "mmgancomp needs Python $oldest or $newest. Tried:${tried%,}."
    echo 'Install one of these, or name one: make setup PYTHON=/path/to/python'
} >&2
exit 1
