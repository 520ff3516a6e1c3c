#!/usr/bin/env bash
#
# Makes the root of a Debian that the containers of tests/services share.
#
#   base RELEASE DIR

set -euo pipefail
release=$1
root=$2
# This machine's mirror and proxy, since no other may be in reach.
# shellcheck disable=SC2016 # apt-get fills it in
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -v security | head -n 1 || true)
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy-}" ] || export http_proxy=$proxy
mirror=${mirror:-http://deb.debian.org/debian}
nice -n 12 debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,rsyslog,iproute2,python3,ca-certificates,procps,openssl \
    "$release" "$root" "$mirror"

{
    echo "deb $mirror $release main contrib"
    [ "$mirror" != http://deb.debian.org/debian ] ||
        echo "deb http://deb.debian.org/debian-security $release-security main"
} >"$root/etc/apt/sources.list"
[ -z "${proxy-}" ] || echo "Acquire::http::Proxy \"$proxy\";" >"$root/etc/apt/apt.conf.d/proxy"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" apt-get -qq update
chroot "$root" apt-get -qq clean

echo proof >"$root/etc/hostname"
# The reverse names of three clients: one that is true, one that is somebody
# else's address, and one that begins with it.
cat >"$root/etc/hosts" <<-END
	127.0.0.1 localhost
	::1 localhost
	198.51.100.1 proof.example.net proof
	203.0.113.250 client.example.org
	203.0.113.251 192.0.2.66
	203.0.113.252 192.0.2.66.dsl.example.org
	END
sed -i '/^module(load="imklog")/d' "$root/etc/rsyslog.conf"
# Debian 12 and 13 write RFC 3339 stamps. One of them is recorded with those that
# older hosts, and most others, have.
if [ "$release" = bookworm ]; then
    sed -i 's/^#*\$ActionFileDefaultTemplate.*//' "$root/etc/rsyslog.conf"
    sed -i '/GLOBAL DIRECTIVES/a $ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat' "$root/etc/rsyslog.conf"
fi
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nRateLimitIntervalSec=0\nRateLimitBurst=0\n' >"$root/etc/systemd/journald.conf.d/all.conf"
for name in alice carol; do
    chroot "$root" useradd --create-home --shell /bin/bash "$name"
    echo "$name:right-$name" | chroot "$root" chpasswd
done
