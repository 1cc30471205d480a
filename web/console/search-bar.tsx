import { ChevronDown, ChevronUp, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";

/** Searches what is loaded: Enter goes up to older matches, Shift+Enter down, Esc closes. */
export function SearchBar({
  matches,
  onFind,
  onClose,
}: {
  matches: { index: number; count: number };
  onFind: (text: string, step: -1 | 0 | 1) => void;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const buttonStyle =
    "grid size-7 shrink-0 place-items-center rounded-md text-white/70 hover:bg-white/8 hover:text-white disabled:opacity-40";
  return (
    <search className="flex min-w-0 items-center gap-0.5">
      <input
        ref={input}
        type="text"
        aria-label="Search text"
        placeholder="Search"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onFind(event.target.value, 0);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") onFind(text, event.shiftKey ? 1 : -1);
          if (event.key === "Escape") {
            event.stopPropagation();
            onClose();
          }
        }}
        className="h-7 w-40 min-w-0 rounded-md border border-white/15 bg-white/5 px-2 text-[13px] text-white placeholder:text-white/40 max-sm:w-28"
      />
      <span role="status" className="min-w-14 whitespace-nowrap px-1 text-center text-white/60 text-xs tabular-nums">
        {text === "" ? "" : matches.count === 0 ? "none" : `${matches.index + 1} of ${matches.count}`}
      </span>
      <button
        type="button"
        aria-label="Previous match"
        className={buttonStyle}
        disabled={matches.count === 0}
        onClick={() => onFind(text, -1)}
      >
        <ChevronUp className="size-4" />
      </button>
      <button
        type="button"
        aria-label="Next match"
        className={buttonStyle}
        disabled={matches.count === 0}
        onClick={() => onFind(text, 1)}
      >
        <ChevronDown className="size-4" />
      </button>
      <button type="button" aria-label="Close search" className={buttonStyle} onClick={onClose}>
        <X className="size-4" />
      </button>
    </search>
  );
}
