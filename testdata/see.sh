#!/bin/sh
# see.sh TITLE [VARIABLE=VALUE...] WORD... runs a command, and adds all that it said to the file seen, as a person sees it but
# for what depends on the run. PORTS are words A=1234 for ports to name.
title=$1
shift
env "$@" >out 2>&1
status=$?
for port in $PORTS; do
	sed "s/${port#*=}/${port%%=*}/g" out >named && mv named out
done
{
	printf '== %s\n' "$title"
	sed -E -e "s,$LIMA_HOME,~/.lima,g" -e "s,$WORK,~,g" -e 's/ \([0-9.]+ s\)//' -e 's/, [0-9.]+ s$//' \
		-e 's/^(    )20[^ ]+ /\1TIME /' -e 's/time="[^"]*"/time=TIME/' -e 's/since [0-9:]+/since TIME/' \
		-e 's,(shell --workdir / dvm-[a-z]+) .*-c .*,\1 PROGRAM,' -e 's/[0-9a-f]{64}/SHA256/g' -e 's/data\.tmp\.[0-9]+/data.tmp.N/' \
		-e 's/uid [0-9]+/uid N/' -e 's/pid [0-9]+/pid N/' -e 's/kill [0-9]+/kill N/' -e 's/(SSHLocalPort:)[0-9]+/\1N/' \
		-e 's/x86_64|aarch64/ARCH/g' out
	printf 'status %s\n' "$status"
} >>seen
