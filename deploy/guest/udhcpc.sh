#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# What udhcpc calls when it got (or lost) an address.
case $1 in
deconfig) ip addr flush dev "$interface" ;;
bound|renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    [ -n "$router" ] && ip route add default via "${router%% *}"
    ;;
esac
