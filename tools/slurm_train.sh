#!/usr/bin/env bash
# Train under Slurm.
#
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments]
#
# GPUS (8) processes in all, GPUS_PER_NODE (8) on each machine, with
# CPUS_PER_TASK (5) cores each; SRUN_ARGS is handed to srun as it is.
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments]" >&2
    exit 2
fi
partition=$1
job=$2
config=$3
work_dir=$4
shift 4
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-8}
# A job smaller than a machine asks for no more than it uses.
if [ "$gpus" -lt "$per_node" ]; then
    per_node=$gpus
fi
# Jobs that share a machine must not meet on one port.
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}

# SRUN_ARGS is several words on purpose.
# shellcheck disable=SC2086
exec srun --partition="$partition" \
    --job-name="$job" \
    --gres="gpu:$per_node" \
    --ntasks="$gpus" \
    --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$config" \
    --work-dir "$work_dir" --launcher slurm "$@"
