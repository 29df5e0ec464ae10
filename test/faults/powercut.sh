#!/bin/bash
# Cuts the power under a vault at random moments: `npm run test:faults [cuts] [control cuts]`.
# Row F3 of the fault tests. Needs root, loop devices, xfsprogs and e2fsprogs.
#
# The vault lies on an ext4 file system whose device is a file on an XFS with
# reflinks. A reflink copy of that file, made in one step, is what the disk
# held at that moment; what the kernel still had in memory is not in it. The
# vault's keys and newest checkpoint lie elsewhere and survive the cut, so that
# they notice a vault that went back in time.
#
# With every commit synced nothing acknowledged may be missing. A control run
# without (synchronous=NORMAL) must lose something, or else this rig shows nothing.
set -euo pipefail

CUTS=${1:-100}
CONTROL_CUTS=${2:-20}
CONTROL_LOSING_PERCENT_MIN=20
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
NODE=$(dirname "$(dirname "$HERE")")/node_modules/.bin/node
[ -x "$NODE" ] || NODE=node

say() { printf '%s\n' "$*"; }

if [ "$(id -u)" != 0 ]; then
  say 'powercut: needs root, for loop devices and mounts' >&2
  exit 1
fi
for package in xfsprogs:mkfs.xfs e2fsprogs:mkfs.ext4; do
  command -v "${package#*:}" >/dev/null && continue
  { apt-get update && apt-get install -y --no-install-recommends "${package%%:*}"; } >/dev/null
done

WORK=$(mktemp -d -t strongroom-powercut.XXXXXX)
HOST='' INNER='' CRASH='' WRITER=''

cleanup() {
  set +e
  [ -n "$WRITER" ] && kill -9 "$WRITER" 2>/dev/null && wait "$WRITER" 2>/dev/null
  cd /
  for at in after before; do mountpoint -q "$WORK/$at" && umount "$WORK/$at"; done
  for device in "$CRASH" "$INNER"; do [ -n "$device" ] && losetup -d "$device" 2>/dev/null; done
  mountpoint -q "$WORK/host" && umount "$WORK/host"
  [ -n "$HOST" ] && losetup -d "$HOST" 2>/dev/null
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

cd "$WORK"
mkdir host before after
truncate -s 1500M disk.img
mkfs.xfs -q -m reflink=1 disk.img
HOST=$(losetup --show -f disk.img)
mount "$HOST" host
truncate -s 256M host/inner.img
mkfs.ext4 -q -F host/inner.img
INNER=$(losetup --direct-io=on --show -f host/inner.img)
mount "$INNER" before

# Makes a vault, works on it, cuts the power, and adds what was found to the counts.
cut_power() {
  rm -rf before/vault config config-at-cut ledger
  sync -f before
  mkdir config
  "$NODE" "$HERE/writer.ts" --init --path before/vault --config config "$@" >ledger &
  WRITER=$!
  # One cut in five may come while the vault is being made, or just after it.
  if [ $((cuts % 5)) = 4 ]; then
    sleep "0.$((RANDOM % 30 + 20))"
  else
    until [ -s ledger ]; do
      kill -0 "$WRITER" 2>/dev/null || { say 'powercut: the writer ended by itself' >&2; exit 1; }
      sleep 0.02
    done
    sleep "0.$((RANDOM % 60 + 10))"
  fi
  # In this order: what was promised before the picture was taken has to be in it.
  cp ledger ledger-at-cut
  until cp -rT config config-at-cut 2>/dev/null; do rm -rf config-at-cut; done
  cp --reflink=always host/inner.img host/crash.img
  kill -9 "$WRITER" 2>/dev/null || true
  wait "$WRITER" 2>/dev/null || true
  WRITER=''
  look_after
}

look_after() {
  local lost=0 problems=1 acked=0 ready=0
  : >words
  CRASH=$(losetup --show -f host/crash.img)
  if mount "$CRASH" after; then
    read -r lost problems acked ready < <("$NODE" "$HERE/check.ts" \
      --path after/vault --config config-at-cut --ledger ledger-at-cut --later ledger 2>words) || problems=1
    umount after
  fi
  losetup -d "$CRASH"
  CRASH=''
  rm -f host/crash.img
  cuts=$((cuts + 1)) acks=$((acks + acked))
  if [ "$lost" -gt 0 ]; then losing=$((losing + 1)); fi
  if [ "$lost" -gt "$most" ]; then most=$lost; fi
  if [ "$ready" -gt "$slowest" ]; then slowest=$ready; fi
  if [ "$problems" -gt 0 ]; then bad=$((bad + 1)); fi
}

# run_cuts COUNT NAME [writer options]
run_cuts() {
  local count=$1 name=$2 known
  shift 2
  cuts=0 acks=0 losing=0 most=0 slowest=0 bad=0
  for _ in $(seq "$count"); do
    known=$((losing + bad))
    cut_power "$@"
    if [ "$name" = FULL ] && [ $((losing + bad)) -gt "$known" ]; then cat words; fi
  done
  say "F3 synchronous=$name: $cuts cuts, $losing lost something acknowledged (at most $most)," \
    "$bad damaged, $acks acknowledged changes looked for, slowest open $slowest ms"
}

run_cuts "$CUTS" FULL
failed=$((losing + bad))
if [ "$failed" -gt "$CUTS" ]; then failed=$CUTS; fi
passed=$((CUTS - failed))

run_cuts "$CONTROL_CUTS" NORMAL --unsafe
if [ $((losing * 100)) -lt $((CONTROL_CUTS * CONTROL_LOSING_PERCENT_MIN)) ]; then
  say 'F3 the control run lost too little: these cuts would not show a loss'
  failed=$((failed + 1))
fi
say "$passed passed, $failed failed"
[ "$failed" = 0 ]
