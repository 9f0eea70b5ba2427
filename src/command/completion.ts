/**
 * `completion SHELL`: a script that completes commands, options and their choices in bash, zsh or fish.
 *
 * Made from the description of the command line itself, so it cannot know other options than there are. Keys are asked of the
 * cache by a command of its own (complete-keys.ts), and never expanded by the shell: an object may have any name.
 */

export const SHELLS = ["bash", "zsh", "fish"] as const;
/** The hidden command that the scripts call. */
export const COMPLETE_KEYS = "complete-keys";
export type Shell = (typeof SHELLS)[number];

export interface CompletedOption {
  /** `--json`, `-o`; the long one last. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  /** What the value is. */
  readonly value: "file" | "key" | "other";
}

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** What its arguments are. */
  readonly argument: "file" | "directory" | "key" | "none" | { readonly choices: readonly string[] };
}

export interface CompletedProgram {
  readonly name: string;
  readonly commands: readonly CompletedCommand[];
}

export function completionScript(shell: Shell, program: CompletedProgram): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program);
}

const identifier = (name: string): string => `_${name.replaceAll(/\W/g, "_")}`;
const allFlags = ({ options }: CompletedCommand): string => options.flatMap(({ flags }) => flags).join(" ");

function bashScript({ name, commands }: CompletedProgram): string {
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
  return `# ${name} completion bash: source it, or put it into a directory of bash-completion
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

function bashValue({ choices, value }: CompletedOption, keys: string): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current"))`;
  if (value === "key") return keys;
  return value === "file" ? 'COMPREPLY=($(compgen -f -- "$current"))' : ":";
}

function bashArgument({ argument }: CompletedCommand, keys: string): string {
  if (argument === "key") return keys;
  if (typeof argument === "object")
    return `COMPREPLY=($(compgen -W "${argument.choices.join(" ")}" -- "$current"))`;
  const kind = { file: "-f", directory: "-d", none: undefined }[argument];
  return kind === undefined ? ":" : `COMPREPLY=($(compgen ${kind} -- "$current"))`;
}

/** For zsh within single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const zshText = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");

function zshScript({ name, commands }: CompletedProgram): string {
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
# ${name} completion zsh: as _${name} into a directory of $fpath, or source it after compinit
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

function zshArguments({ options, argument }: CompletedCommand, keys: string): string[] {
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

function fishScript({ name, commands }: CompletedProgram): string {
  const lines = [
    `# ${name} completion fish: as ${name}.fish into ~/.config/fish/completions`,
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
  { flags, description, takesValue, choices, value: kind }: CompletedOption,
  keys: string,
): string {
  const valued = { file: "-r -F", key: `-x -a ${fishText(keys)}`, other: "-x" };
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value =
    choices.length > 0 ? [`-x -a ${fishText(choices.join(" "))}`] : takesValue ? [valued[kind]] : [];
  return [...names, ...value, `-d ${fishText(description)}`].join(" ");
}

/** Within single quotes fish knows two escapes. */
function fishText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
