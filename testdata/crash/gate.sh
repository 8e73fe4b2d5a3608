#!/usr/bin/env bash
# Stands before limactl for a disturbed sync, and holds one of its calls at a point, so that a test can act there.
#
# Inputs: CRASH_DIR (what was reached is noted there, and the pid of each call), CRASH_GATE (VERB#N:before or :after, or
# nothing), CRASH_HOOKS (a point in the guest, which hooks.sh is given once the guest has started, or nothing), CRASH_FAULT
# (VERB#N and what the stand-in for limactl does in that call, or nothing), CRASH_BESIDE (1: a shell is opened beside the
# first list, which may end before it has begun; it is waited for, so that it counts).
set -uo pipefail

for verb; do
	case $verb in list | start | shell | stop | edit) break ;; esac
done
n=1
until mkdir "$CRASH_DIR/$verb#$n" 2>/dev/null; do
	n=$((n + 1))
done
echo $$ >"$CRASH_DIR/$verb#$n/pid"
LIMATEST_FAULT=''
if [[ $CRASH_FAULT == "$verb#$n "* ]]; then
	LIMATEST_FAULT="$verb ${CRASH_FAULT#* }"
fi
export LIMATEST_FAULT
if [[ "$verb#$n" == "list#1" && -n $CRASH_BESIDE ]]; then
	until [[ -e $CRASH_DIR/shell#1/pid ]]; do sleep 0.01; done
fi

# gate ends when the test writes to the pipe, or with this process.
gate() {
	: >"$CRASH_DIR/reached"
	read -r _ <"$CRASH_DIR/gate"
}

[[ $CRASH_GATE != "$verb#$n:before" ]] || gate
if [[ $CRASH_GATE == "$verb#$n:after" || ($verb == start && -n $CRASH_HOOKS) ]]; then
	limactl "$@"
	status=$?
	if [[ $verb == start && -n $CRASH_HOOKS ]]; then
		LIMATEST_LOG='' LIMATEST_FAULT='' limactl --tty=false shell --workdir / dvm-app sudo -n bash -c "$(<"${0%/*}/hooks.sh")" hooks "$CRASH_HOOKS"
	fi
	[[ $CRASH_GATE != "$verb#$n:after" ]] || gate
	exit $status
fi
exec limactl "$@"
