#!/bin/sh
# Make benchmarks/planning/two_room/.venv: the packages of the current Python, and stable-worldmodel.
#   sh benchmarks/planning/two_room/environment.sh [PYTHON]
set -e
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-python}
"$python" -m venv "$here/.venv"
"$python" -c 'import site, foreframe, pathlib
print(*site.getsitepackages(), pathlib.Path(foreframe.__file__).parents[1], sep="\n")' \
  > "$("$here/.venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')/of_foreframe.pth"
"$here/.venv/bin/python" -m pip install --quiet --no-deps -r "$here/requirements.txt"
