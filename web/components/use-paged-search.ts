import { useDeferredValue, useState } from "react";

/** What is asked of a list: the words looked for, and the page by the cursors that led to it. New words begin at the first. */
export function usePagedSearch() {
  const [search, setSearch] = useState("");
  const [cursors, setCursors] = useState<string[]>([]);
  const onChange = (text: string) => {
    setSearch(text);
    setCursors([]);
  };
  return { q: useDeferredValue(search.trim()), cursors, setCursors, field: { value: search, onChange } };
}
