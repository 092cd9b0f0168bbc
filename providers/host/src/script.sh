#!/bin/sh
# Prints who listens on this host and what its firewall has, for `reachlint check --host-evidence FILE`. It reads and changes
# nothing. As root it sees everything: ssh HOST 'sudo sh -s' < host-evidence.sh > HOST.txt
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"
LC_ALL=C
export PATH LC_ALL

# Everything that a command printed stands behind a space, so that none of it can pass for a line of this script.
run() {
    printf '=== $ %s\n' "$*"
    if command -v "$1" >/dev/null 2>&1; then
        out=$("$@" 2>&1)
        code=$?
        [ -z "$out" ] || printf '%s\n' "$out" | sed 's/^/ /'
        printf '=== exit %s\n' "$code"
    else
        printf '=== absent\n'
    fi
}

printf '=== reachlint host evidence 1\n'
printf '=== host %s\n' "$(uname -n)"
printf '=== uid %s\n' "$(id -u)"
# What a cloud wrote into the firmware about the machine: on AWS the id of the instance.
run cat /sys/devices/virtual/dmi/id/board_asset_tag
run ip -j addr
run ss -Hltnupe
command -v ss >/dev/null 2>&1 || run cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
run nft -j list ruleset
run nft list ruleset
run iptables-save
run ip6tables-save
run iptables-legacy-save
run ip6tables-legacy-save
run ufw version
run firewall-cmd --state
printf '=== end\n'
