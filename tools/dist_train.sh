#!/usr/bin/env bash
# Train on several processes of one or more machines.
#
#   tools/dist_train.sh CONFIG GPUS [arguments of train.py]
#
# GPUS is the number of processes on this machine; without an accelerator
# they run on the CPU over gloo. For several machines set NNODES, NODE_RANK
# and MASTER_ADDR; set PORT where 29500 is taken.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [arguments of train.py]" >&2
    exit 2
fi
config=$1
processes=$2
shift 2

# torchrun sets this itself for several processes, but with a warning.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
