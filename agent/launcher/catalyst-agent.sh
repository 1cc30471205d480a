#!/bin/sh
# Starts the Catalyst agent, and decides which of its bundles.
#
# This file is installed once and never updates itself: whatever an update brings, this stands between it and a node
# that no longer boots. It lies in a folder with these files, and every step from one state to the next is one rename:
#
#   catalyst-agent.mjs           the bundle that is known to work
#   catalyst-agent.next.mjs      the bundle on trial; it counts only together with update-trial or update-confirmed
#   catalyst-agent.previous.mjs  the one that was replaced last
#   update-trial                 the agent put the next bundle on trial; holds the update's name for the agent's report
#   update-starts                one character for each start of the bundle on trial
#   update-confirmed             the bundle on trial reached its panel: the next one becomes the current one
#   update-failed.CAUSE          the trial is over; the agent tells the panel and removes it
#
# Invariants
# - The current bundle is replaced by a rename alone, and only after the next one reached its panel.
# - A trial ends: it is confirmed, or it is given up after so many starts, or a start of it took too long. Who renames
#   update-trial first has decided.
# - Whatever cannot be written or read here, the current bundle is started.
# - The process that is started keeps this one's id, so whoever supervises sees one process.
set -u

max_starts=${CATALYST_AGENT_TRIAL_STARTS:-3}
trial_seconds=${CATALYST_AGENT_TRIAL_SECONDS:-60}
# Time to end in order, before a start that took too long is killed.
grace_seconds=10

self=$(readlink -f -- "$0") || exit 1
home=${self%/*}
current=$home/catalyst-agent.mjs
next=$home/catalyst-agent.next.mjs
previous=$home/catalyst-agent.previous.mjs
trial=$home/update-trial
starts=$home/update-starts
confirmed=$home/update-confirmed

node=${CATALYST_NODE:-}
if [ -z "$node" ]; then
  node=$home/node/bin/node
  [ -x "$node" ] || node=node
fi

give_up() { mv -f "$trial" "$home/update-failed.$1"; }

# Does what a confirmed update still lacks, wherever it was cut short.
finish_confirmed() {
  [ -e "$confirmed" ] || return 0
  if [ -e "$next" ]; then
    ln -f "$current" "$previous"
    mv -f "$next" "$current" || return 0
  fi
  rm -f "$starts" "$confirmed"
}

# When a process began, in ticks since the machine did; nothing when it is gone.
began() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # its fields
  set -- ${stat##*) }
  printf %s "${20}"
}

# Ends a start on trial that did not reach its panel in time, even one that hangs.
watch_over() {
  since=$(began "$1")
  runs() { [ "$(began "$1")" = "$since" ]; }
  left=$trial_seconds
  while [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
    [ -e "$trial" ] && runs "$1" || exit 0
  done
  give_up deadline || exit 0
  kill -TERM "$1"
  left=$grace_seconds
  while [ "$left" -gt 0 ] && runs "$1"; do
    sleep 1
    left=$((left - 1))
  done
  runs "$1" && kill -KILL "$1"
}

decide() {
  finish_confirmed
  if [ -e "$trial" ]; then
    count=0
    [ -e "$starts" ] && count=$(wc -c <"$starts")
    if [ ! -e "$next" ]; then
      give_up lost
    elif [ "$count" -ge "$max_starts" ]; then
      give_up starts
    elif ! printf . >>"$starts"; then
      give_up disk
    else
      bundle=$next
      export CATALYST_AGENT_TRIAL=1
      (watch_over $$ &) </dev/null >/dev/null 2>&1
      return
    fi
  fi
  # What is left of a download that was cut short or of a trial that failed.
  [ -e "$trial" ] || [ -e "$confirmed" ] || rm -f "$next" "$starts" "$home/catalyst-agent.part.mjs"
}

unset CATALYST_AGENT_TRIAL
export CATALYST_AGENT_HOME="$home"
bundle=$current
[ "${1:-run}" = run ] && decide
[ -e "$bundle" ] || [ ! -e "$previous" ] || bundle=$previous
exec "$node" "$bundle" "$@"
