#!/bin/sh
# cluster.sh COMMAND...: runs COMMAND with a private Slurm of two nodes on this machine, and takes it down again.
#
# Needs root and Debian's packages, which it installs. Nothing of the machine's own Slurm or munge is touched: keys,
# sockets, ports and state are its own. COMMAND finds the cluster by SLURM_CONF, and its folder in SLURM_CLUSTER, where
# "$SLURM_CLUSTER/start slurmctld" and "$SLURM_CLUSTER/start slurmd -N n1" start what COMMAND has killed.
set -eu

if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
		slurmd slurmctld slurm-client slurm-wlm-basic-plugins munge
fi

dir=$(mktemp -d)
chmod 755 "$dir"
host=$(hostname -s)
mkdir -p "$dir/etc" "$dir/state" "$dir/spool/n1" "$dir/spool/n2" "$dir/log" "$dir/munge"
chmod 755 "$dir/munge"

pids() { cat "$dir"/*.pid "$dir"/munge/pid 2>/dev/null || true; }

down() {
	scancel --full --partition=debug || true # slurmd leaves jobs running when it stops
	sleep 2
	for pid in $(pids); do kill "$pid" 2>/dev/null || true; done
	sleep 1
	rm -rf "$dir"
}
trap down EXIT

# munged runs as root here, and then its files must be root's.
(umask 077 && dd if=/dev/urandom bs=128 count=1 of="$dir/munge/key" status=none)
munged --key-file="$dir/munge/key" --socket="$dir/munge/sock" --pid-file="$dir/munge/pid" \
	--log-file="$dir/munge/log" --seed-file="$dir/munge/seed"

# Slurm sets CUDA_VISIBLE_DEVICES for character devices only; no driver is needed.
mknod "$dir/gpu0" c 195 0
mknod "$dir/gpu1" c 195 1

cat >"$dir/etc/slurm.conf" <<END
ClusterName=pipe
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/sock
CryptoType=crypto/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
GresTypes=gpu
MpiDefault=none
ReturnToService=2
MaxArraySize=24
KillWait=5
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=4 RealMemory=8000 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=4 RealMemory=8000 Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
END
echo "NodeName=n[1-2] Name=gpu Flags=nvidia_gpu_env File=$dir/gpu[0-1]" >"$dir/etc/gres.conf"
printf 'CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n' >"$dir/etc/cgroup.conf"
cat >"$dir/start" <<END
#!/bin/sh
exec "\$@" -f $dir/etc/slurm.conf
END
chmod 755 "$dir/start"

export SLURM_CONF="$dir/etc/slurm.conf" SLURM_CLUSTER="$dir"
"$dir/start" slurmctld
"$dir/start" slurmd -N n1
"$dir/start" slurmd -N n2
for _ in $(seq 60); do
	[ "$(sinfo --noheader --Node --states=idle --format=%N | wc -l)" = 2 ] && break
	sleep 0.5
done
[ "$(sinfo --noheader --Node --states=idle --format=%N | wc -l)" = 2 ] || {
	sinfo
	tail -n 20 "$dir"/log/*
	echo "the nodes of the private Slurm did not come up" >&2
	exit 1
}
"$@"
