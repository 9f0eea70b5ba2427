/**
 * The heads of a table whose columns of numbers follow those of text.
 */

export interface ColumnHeadsProps {
  readonly texts: readonly string[];
  readonly numbers?: readonly string[];
}

export function ColumnHeads({ texts, numbers = [] }: ColumnHeadsProps) {
  return (
    <thead>
      <tr>
        {texts.map((name) => (
          <th scope="col" key={name}>
            {name}
          </th>
        ))}
        {numbers.map((name) => (
          <th scope="col" key={name} class="number">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
