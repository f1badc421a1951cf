#!/usr/bin/env bash
# Learns on two machines of a SLURM cluster, and goes on where its time was up:
#   sbatch examples/slurm.sh configs/cifar10_nonconv.py [--set key=value ...]
#
# One task a machine takes all GPUs that SLURM shows it. `--gpus-per-task=1` with several
# tasks a machine works, too. Ten minutes before the end of its time the job is told, saves
# and puts itself into the queue again; `--resume latest` goes on with the newest run of
# these settings, or begins one.
#SBATCH --job-name=ebm_tf
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@600
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.txt

cd -- "${SLURM_SUBMIT_DIR:-.}" || exit 1

srun --kill-on-bad-exit=0 .venv/bin/python -m ebm_tf "$@" --resume latest
code=$?

# 3: stopped early and resumable, as after the signal.
if [ "$code" -eq 3 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
