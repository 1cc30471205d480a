import { Search } from "lucide-react";
import { cn } from "./ui/class-names.ts";
import { Input } from "./ui/input.tsx";

interface SearchInputProps {
  /** Names the field for those who do not see it. */
  label: string;
  placeholder: string;
  value: string;
  onChange: (text: string) => void;
  className?: string;
}

/** The search field above a list. */
export function SearchInput({ label, placeholder, value, onChange, className }: SearchInputProps) {
  return (
    <div className={cn("relative mb-4 max-w-sm", className)}>
      <Search className="-translate-y-1/2 absolute top-1/2 left-3 size-4 text-faint" aria-hidden />
      <Input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        className="pl-9"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}
