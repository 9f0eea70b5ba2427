/**
 * `completion SHELL`: generates a script that completes commands, options and choices in bash, zsh
 * or fish.
 *
 * The script is generated from the command line's own description, so both have the same options.
 * To complete keys, it calls the hidden command of complete-keys.ts. The shell never expands the
 * results, because a key may contain any character.
 */

export const SHELLS = ["bash", "zsh", "fish"] as const;
/** The hidden command that the scripts call. */
export const COMPLETE_KEYS = "complete-keys";
export type Shell = (typeof SHELLS)[number];

export interface OptionSpec {
  /** For example `-o` and `--output`; the long flag is last. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  /** The kind of the value. */
  readonly value: "file" | "key" | "other";
}

export interface CommandSpec {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionSpec[];
  /** The kind of its arguments. */
  readonly argument: "file" | "directory" | "key" | "none" | { readonly choices: readonly string[] };
}

export interface ProgramSpec {
  readonly name: string;
  readonly commands: readonly CommandSpec[];
}

export function completionScript(shell: Shell, program: ProgramSpec): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program);
}

const identifier = (name: string): string => `_${name.replaceAll(/\W/g, "_")}`;
const allFlags = ({ options }: CommandSpec): string => options.flatMap(({ flags }) => flags).join(" ");

function bashScript({ name, commands }: ProgramSpec): string {
  const keys = `${identifier(name)}_keys "$current"`;
  const cases = commands.map((command) => {
    const values = command.options
      .filter(({ takesValue }) => takesValue)
      .map((option) => `        ${option.flags.join("|")}) ${bashValue(option, keys)}; return ;;`);
    return [
      `    ${command.name})`,
      ...(values.length === 0 ? [] : ['      case "$previous" in', ...values, "      esac"]),
      `      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "${allFlags(command)}" -- "$current"))`,
      `      else ${bashArgument(command, keys)}; fi ;;`,
    ].join("\n");
  });
  return `# ${name} completion for bash: source it, or copy it to a directory of bash-completion
${identifier(name)}_keys() {
  local line
  compopt -o nospace 2>/dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(${name} ${COMPLETE_KEYS} -- "$1" 2>/dev/null)
}
${identifier(name)}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(" ")} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}
complete -o filenames -F ${identifier(name)} ${name}
`;
}

function bashValue({ choices, value }: OptionSpec, keys: string): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current"))`;
  if (value === "key") return keys;
  return value === "file" ? 'COMPREPLY=($(compgen -f -- "$current"))' : ":";
}

function bashArgument({ argument }: CommandSpec, keys: string): string {
  if (argument === "key") return keys;
  if (typeof argument === "object")
    return `COMPREPLY=($(compgen -W "${argument.choices.join(" ")}" -- "$current"))`;
  const kind = { file: "-f", directory: "-d", none: undefined }[argument];
  return kind === undefined ? ":" : `COMPREPLY=($(compgen ${kind} -- "$current"))`;
}

/** Quotes a text for zsh in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const zshText = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");

function zshScript({ name, commands }: ProgramSpec): string {
  const described = commands.map(
    (command) => `    ${quoted(`${command.name}:${zshText(command.description)}`)}`,
  );
  const cases = commands.map((command) =>
    [
      `    ${command.name}) _arguments \\`,
      ...zshArguments(command, `${identifier(name)}_keys`).map((spec) => `      ${spec} \\`),
      "      ;;",
    ].join("\n"),
  );
  return `#compdef ${name}
# ${name} completion for zsh: save it as _${name} in a directory of $fpath, or source it after compinit
${identifier(name)}_keys() {
  local -a keys=("\${(@f)$(${name} ${COMPLETE_KEYS} -- "$PREFIX" 2>/dev/null)}")
  compadd -S '' -- "\${(@)keys:#}"
}
${identifier(name)}() {
  local -a commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT -= 1 ))
  case "$command" in
${cases.join("\n")}
  esac
}
compdef ${identifier(name)} ${name}
`;
}

function zshArguments({ options, argument }: CommandSpec, keys: string): string[] {
  const specs = options.flatMap(({ flags, description, takesValue, choices, value }) =>
    flags.map((flag) => {
      const actions = { file: "_files", key: keys, other: " " };
      const action = choices.length > 0 ? `(${choices.join(" ")})` : actions[value];
      return quoted(`${flag}[${zshText(description)}]${takesValue ? `:value:${action}` : ""}`);
    }),
  );
  if (typeof argument === "object") return [...specs, quoted(`1:argument:(${argument.choices.join(" ")})`)];
  const files = {
    file: "*:file:_files",
    directory: "*:directory:_files -/",
    key: `*:key:${keys}`,
    none: undefined,
  }[argument];
  return files === undefined ? specs : [...specs, quoted(files)];
}

function fishScript({ name, commands }: ProgramSpec): string {
  const lines = [
    `# ${name} completion for fish: save it as ${name}.fish in ~/.config/fish/completions`,
    `complete -c ${name} -f`,
  ];
  const keys = `(${name} ${COMPLETE_KEYS} -- (commandline -ct) 2>/dev/null)`;
  for (const command of commands) {
    lines.push(
      `complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d ${fishText(command.description)}`,
    );
    const when = `complete -c ${name} -n ${fishText(`__fish_seen_subcommand_from ${command.name}`)}`;
    for (const option of command.options) lines.push(`${when} ${fishOption(option, keys)}`);
    const { argument } = command;
    if (typeof argument === "object") lines.push(`${when} -a ${fishText(argument.choices.join(" "))}`);
    else if (argument === "key") lines.push(`${when} -a ${fishText(keys)}`);
    else if (argument === "file") lines.push(`${when} -F`);
    else if (argument === "directory") lines.push(`${when} -a ${fishText("(__fish_complete_directories)")}`);
  }
  return `${lines.join("\n")}\n`;
}

function fishOption(
  { flags, description, takesValue, choices, value: kind }: OptionSpec,
  keys: string,
): string {
  const valued = { file: "-r -F", key: `-x -a ${fishText(keys)}`, other: "-x" };
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value =
    choices.length > 0 ? [`-x -a ${fishText(choices.join(" "))}`] : takesValue ? [valued[kind]] : [];
  return [...names, ...value, `-d ${fishText(description)}`].join(" ");
}

/** Quotes a text for fish, which has two escapes in single quotes. */
function fishText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
