/**
 * A field that searches or filters what stands below it.
 */
import { Icon } from "./icon.tsx";

export interface SearchFieldProps {
  readonly label: string;
  readonly placeholder?: string;
  readonly value: string;
  onInput(text: string): void;
}

export function SearchField({ label, placeholder = "Filter", value, onInput }: SearchFieldProps) {
  return (
    <label class="search">
      <Icon name="search" />
      <input
        type="search"
        value={value}
        placeholder={placeholder}
        aria-label={label}
        spellcheck={false}
        autocapitalize="off"
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
