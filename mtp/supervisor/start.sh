#!/bin/sh
# Finds a Python 3.11 to 3.13 and hands over to the supervisor: sh mtp/supervisor/start.sh VERB
set -eu
cd "${0%/*}/../.."

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

# Every directory of PATH is tried: the first hit may be a version manager's shim that only fails.
for name in python3.13 python3.12 python3.11 python3 python; do
    rest="$PATH:"
    while [ -n "$rest" ]; do
        candidate="${rest%%:*}/$name"
        rest="${rest#*:}"
        if [ -x "$candidate" ] && suits "$candidate"; then
            exec "$candidate" mtp/supervisor "$@"
        fi
    done
done
echo "No Python 3.11, 3.12 or 3.13 was found in PATH. Install one, for example: apt-get install python3 python3-venv" >&2
exit 1
