#!/usr/bin/env bash
# Makes .venv for a Cloud TPU VM; see setup.sh, which does the work.
set -euo pipefail

exec bash "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh" tpu "$@"
