/**
 * The shell that stands beside each run. It belongs to nobody but init, so that the agent may die: it starts the game
 * in a session of its own, feeds its output to the console logger, and leaves the exit code in a file.
 *
 *     agent ··► wrapper ─┬─ game (own session; its first line in the process file names it beyond doubt)
 *                        └─ console logger (own session; ends when the last writer of the pipe is gone)
 *
 * When the game's first process ends, the rest of its process group goes too, as in a container. From then on the
 * wrapper starts no program any more: it would carry the server's mark, by which a kill finds what to end. So
 * the exit code is written in place, and whole when its line is; its room is taken at the start, so that a game that
 * filled the disk is told from one that crashed.
 */
import { FORBIDDEN_EXIT_CODE } from "./run-files.ts";

export interface WrapperPlaces {
  /** Where the game's first process writes its own `/proc` stat line. */
  processFile: string;
  /** A file that forbids this run: the agent gave it up before it came to life. */
  cancelledFile: string;
  exitFile: string;
  stdin: string;
  console: string;
  /** The console logger's script. */
  logger: string;
  setsid: string;
  env: string;
  /** `PATH` of the logger: it gets nothing of the game's environment, which the owner writes. */
  path: string;
}

/** No limit is enforced here, but a game that takes all it can get leaves the panel and its neighbours' consoles quick. */
const GAME_NICENESS = 5;

/**
 * Who has named itself counts as started and can be written to, so its input is open by then. And first the process names
 * itself, then it looks whether it may live: the agent does the two in the other order.
 */
const GAME = `
exec <> "$3" || exit 126
read -r stat < /proc/$$/stat
printf '%s\\n' "$stat" > "$1"
[ -e "$2" ] && exit ${FORBIDDEN_EXIT_CODE}
command -v nice > /dev/null && exec nice -n ${GAME_NICENESS} /bin/sh -c "$4"
exec /bin/sh -c "$4"
`;

/** A hangup is caught and not ignored: what a shell ignores, the game it starts can never trap. */
const WRAPPER = `
process=$1 cancelled=$2 exit=$3 stdin=$4 console=$5 logger=$6 setsid=$7 env=$8 path=$9
shift 9
command=$1
trap : HUP
printf - > "$exit"
{
  trap : HUP
  "$setsid" /bin/sh -c '${GAME.replaceAll("'", `'"'"'`)}' sh "$process" "$cancelled" "$stdin" "$command" 2>&1
  code=$?
  read -r pid rest < "$process" && kill -KILL "-$pid" 2> /dev/null
  printf '%s\\n' "$code" 1<> "$exit"
} | "$env" -i PATH="$path" "$setsid" "$logger" dir "$console"
`;

/** Arguments of `/bin/sh`. */
export function wrapperArguments(places: WrapperPlaces, command: string): string[] {
  const { processFile, cancelledFile, exitFile, stdin, console, logger, setsid, env, path } = places;
  const own = [processFile, cancelledFile, exitFile, stdin, console, logger, setsid, env, path];
  return ["-c", WRAPPER, "sh", ...own, command];
}
