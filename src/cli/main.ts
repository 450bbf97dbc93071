// The command line: finds the command, reads its options, turns what it throws into one message and an exit code.

import { parseArgs } from 'node:util'
import { describeError, type ErrorBody, isTenfoldError } from '../base/errors.ts'
import { type Command, commonOptions, TargetSystem, UsageError, type Values } from './command.ts'
import { commands } from './commands.ts'

const commonUsage = `every command: --app DIR (default: here, or the sample app)   --data DIR (default: the app's .tenfold)
               --port-base P (default: 8000)   --json (one JSON value on stdout)`

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`)
    return name === undefined ? 2 : 0
  }
  const ofTwoWords = commands.find((candidate) => candidate.name === `${name} ${rest[0]}`)
  if (ofTwoWords) return runCommand(ofTwoWords, rest.slice(1))
  const command = commands.find((candidate) => candidate.name === name)
  if (!command) {
    process.stderr.write(`error: there is no command ${name}\n\n${overview()}\n`)
    return 2
  }
  return runCommand(command, rest)
}

async function runCommand(command: Command, args: string[]): Promise<number> {
  const isJson = args.includes('--json')
  try {
    const { values, positionals } = parse(command, args)
    if (values['help']) {
      process.stdout.write(`${help(command)}\n`)
      return 0
    }
    await command.run(new TargetSystem(values), positionals, values)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    const isUsage = error instanceof UsageError
    const message = isUsage || isTenfoldError(error) ? describeError(error) : ((error as Error).stack ?? String(error))
    process.stderr.write(`error: ${message}\n`)
    if (isUsage) process.stderr.write(`usage: tenfold ${command.name} ${command.usage}\n`)
    const body: ErrorBody = { error: { code: isTenfoldError(error) ? error.code : 'bad-input', message } }
    if (isJson) process.stdout.write(`${JSON.stringify(body)}\n`)
    return isUsage ? 2 : 1
  }
}

function parse(command: Command, args: string[]): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...commonOptions, ...command.options },
      allowPositionals: true,
    })
    const [least, most] = command.words ?? [0, 0]
    if (!values.help && (positionals.length < least || positionals.length > most))
      throw new UsageError(
        `got ${positionals.length} words after ${command.name}, expected ${least === most ? least : `${least} to ${most}`}`,
      )
    return { values: values as Values, positionals }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError((error as Error).message)
  }
}

function help({ name, usage, summary, details }: Command): string {
  const parts = [`tenfold ${name} ${usage}`.trimEnd(), summary, ...(details ? [details] : []), commonUsage]
  return parts.join('\n\n')
}

function overview(): string {
  const rows = commands.map(({ name, usage, summary }) => `  tenfold ${`${name} ${usage}`.padEnd(42)} ${summary}`)
  return `Takes one TypeScript web app from one machine to millions of users.\n\n${rows.join('\n')}\n\n${commonUsage}`
}
