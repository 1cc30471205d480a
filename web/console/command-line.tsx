import { CornerDownLeft } from "lucide-react";
import { type FormEvent, type KeyboardEvent, type Ref, useState } from "react";
import { toast } from "sonner";
import { CONSOLE_INPUT_MAX_BYTES } from "../../protocol/limits.ts";
import { loadHistory, type Recall, recall, remember } from "./command-history.ts";

const encoder = new TextEncoder();

/** One line to the game. Up and down go through the lines sent before; a line that could not be sent stays. */
export function CommandLine({
  ref,
  serverId,
  obstacle,
  onSend,
  onScrollPages,
}: {
  ref: Ref<HTMLInputElement>;
  serverId: string;
  /** Why nothing can be sent now; null when it can. */
  obstacle: string | null;
  onSend: (line: string) => boolean;
  onScrollPages: (pages: number) => void;
}) {
  const [history, setHistory] = useState(() => loadHistory(localStorage, serverId));
  const [line, setLine] = useState("");
  const [place, setPlace] = useState<Recall>({ position: history.length, draft: "" });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (line.trim() === "" || obstacle) return;
    if (encoder.encode(line).length > CONSOLE_INPUT_MAX_BYTES) {
      toast.error("A console line can have at most 32 KiB.");
      return;
    }
    if (!onSend(line)) {
      toast.error("Not connected: the line was not sent.");
      return;
    }
    const next = remember(localStorage, serverId, history, line);
    setHistory(next);
    setPlace({ position: next.length, draft: "" });
    setLine("");
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      onScrollPages(event.key === "PageUp" ? -1 : 1);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const moved = recall(history, place, line, event.key === "ArrowUp" ? -1 : 1);
      event.preventDefault();
      if (!moved) return;
      setPlace(moved.recall);
      setLine(moved.line);
    }
  };

  return (
    <form onSubmit={submit} className="flex h-12 shrink-0 items-center gap-2 border-white/8 border-t pr-2 pl-4">
      <span aria-hidden className="select-none font-mono text-[#8f8ff0]">
        ›
      </span>
      <input
        ref={ref}
        aria-label="Console command"
        placeholder={obstacle ?? "Type a command"}
        value={line}
        onChange={(event) => setLine(event.target.value)}
        onKeyDown={onKeyDown}
        disabled={obstacle !== null && line === ""}
        autoComplete="off"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        enterKeyHint="send"
        className="h-full min-w-0 flex-1 bg-transparent font-mono text-[13px] text-white outline-none placeholder:font-sans placeholder:text-white/40 disabled:cursor-not-allowed max-sm:text-base"
      />
      <button
        type="submit"
        aria-label="Send"
        disabled={obstacle !== null || line.trim() === ""}
        className="grid size-8 place-items-center rounded-md text-white/60 hover:bg-white/8 hover:text-white disabled:opacity-30"
      >
        <CornerDownLeft className="size-4" />
      </button>
    </form>
  );
}
