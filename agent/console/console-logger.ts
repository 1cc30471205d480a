/**
 * The process between a game and its console log, for every runtime.
 *
 * One small process a server copies the game's output, byte for byte and as soon as it comes, into `current` and
 * rotates it into `@<absolute start offset, 16 hex digits>.s`, of which it keeps a bounded number. It needs no agent:
 * it ends when the game's side of its pipes is closed. It is Perl, in two pages, because that is in every Debian and
 * Ubuntu, is not bound to lines (a prompt without line end is shown at once, a long line is not broken) and takes
 * about 3 MB.
 *
 * On a full disk it lives off the blocks it reserved for its present segment, then gives up its own oldest segments,
 * and only then keeps the game waiting; text that was taken from the game is never dropped.
 */
import { spawn } from "node:child_process";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const LOG_SEGMENT_BYTES = 1024 * 1024;
export const LOG_SEGMENTS_KEPT = 64;

const SCRIPT = String.raw`#!/usr/bin/perl
# Catalyst console logger. Arguments are pairs: dir FOLDER [bytes N] [keep N].
# Started by a containerd shim it reads descriptors 3 and 4 and closes 5 when ready; otherwise it reads descriptor 0.
my %option = (bytes => ${LOG_SEGMENT_BYTES}, keep => ${LOG_SEGMENTS_KEPT}, @ARGV);
my ($limit, $keep) = @option{qw(bytes keep)};
my $ending = 0;
$SIG{TERM} = sub { $ending = 1 };
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE QUIT USR1 USR2);
umask 077;
chdir $option{dir} or die "no console folder: $!\n";

my @inputs;
for my $number ($ENV{CONTAINER_ID} ? (3, 4) : (0)) {
  open(my $input, '<&=', $number) or die "no input: $!\n";
  push @inputs, $input;
}
if ($ENV{CONTAINER_ID}) {
  open(my $ready, '>&=', 5) or die "cannot say that it is ready: $!\n";
  close $ready;
}

# The last logger of this folder may still be writing the end of the last run.
open(my $lock, '>>', 'lock') or die "no lock: $!\n";
1 until flock($lock, 2);

opendir(my $folder, '.') or die "no folder: $!\n";
my @kept = sort grep { /^\@[0-9a-f]{16}\.s$/ } readdir $folder;
closedir $folder;

my ($out, $start, $size) = (undef, 0, 0);
if (@kept) { $start = hex(substr $kept[-1], 1, 16) + (-s $kept[-1]) }
begin();

while (@inputs) {
  my $wanted = '';
  vec($wanted, fileno $_, 1) = 1 for @inputs;
  next if select(my $readable = $wanted, undef, undef, undef) < 0;
  for my $input (@inputs) {
    next unless vec($readable, fileno $input, 1);
    my $count = sysread $input, my $block, 65536;
    if ($count) { put($block) }
    elsif (defined $count || !$!{EINTR}) { close $input; @inputs = grep { $_ != $input } @inputs; last }
  }
}
truncate $out, $size;

sub begin {
  until (open $out, '>>', 'current') { make_room() }
  $size = -s $out;
  system('fallocate', '-n', '-l', $limit, 'current') if $size < $limit;
}

sub put {
  my ($block) = @_;
  while ($size + length $block > $limit) {
    my $room = $limit - $size;
    my $cut = $room > 0 ? 1 + rindex $block, "\n", $room - 1 : 0;
    $cut = $room if $cut == 0 && $size == 0;
    write_all(substr $block, 0, $cut, '') if $cut > 0;
    rotate();
  }
  write_all($block) if length $block;
}

sub write_all {
  my ($text) = @_;
  while (length $text) {
    my $count = syswrite $out, $text;
    if ($count) { $size += $count; substr $text, 0, $count, '' }
    elsif (!$!{EINTR}) { make_room() }
  }
}

sub rotate {
  truncate $out, $size;
  close $out;
  my $name = sprintf '@%016x.s', $start;
  rename 'current', $name;
  push @kept, $name;
  $start += $size;
  unlink shift @kept while @kept > $keep;
  begin();
}

sub make_room {
  exit 1 if $ending && !@kept;
  if (@kept) { unlink shift @kept } else { select undef, undef, undef, 0.5 }
}
`;

/**
 * Writes the logger script into `folder`, where only root can change it.
 *
 * @returns its path, which stays the same over agent versions while the script does: running loggers keep their own.
 */
export async function installConsoleLogger(folder: string): Promise<string> {
  const path = join(folder, "console-logger");
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(`${path}.new`, SCRIPT, { mode: 0o755 });
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
  return path;
}

/**
 * Appends a line of the agent's own to a console whose server is not running. While it runs its logger holds the
 * folder, so this rejects after `deadlineMs`.
 */
export function appendConsoleLine(
  loggerPath: string,
  consoleFolder: string,
  line: string,
  deadlineMs = 5_000,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(loggerPath, ["dir", consoleFolder], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env.PATH ?? "" },
      timeout: deadlineMs,
      killSignal: "SIGKILL",
    });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error("the console log could not be written"))));
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${line}\n`);
  });
}
