import { Button } from "./ui/button.tsx";
import { cn } from "./ui/class-names.ts";

interface PagerProps {
  /** Those that led to the present page. */
  cursors: readonly string[];
  nextCursor: string | null;
  onChange: (cursors: string[]) => void;
  /** What lies before and behind the present page. */
  words?: readonly [string, string];
  className?: string;
}

/** Steps through a list by cursors; nothing while there is but one page. */
export function Pager({ cursors, nextCursor, onChange, words = ["Newer", "Older"], className }: PagerProps) {
  if (cursors.length === 0 && !nextCursor) return null;
  return (
    <nav aria-label="Pages" className={cn("mt-4 flex justify-end gap-2", className)}>
      <Button size="small" disabled={cursors.length === 0} onClick={() => onChange(cursors.slice(0, -1))}>
        {words[0]}
      </Button>
      <Button size="small" disabled={!nextCursor} onClick={() => nextCursor && onChange([...cursors, nextCursor])}>
        {words[1]}
      </Button>
    </nav>
  );
}
