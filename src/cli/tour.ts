// `tenfold tour`: the live climb under load, with kills on the way, and a report at its end.

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TenfoldError } from '../base/errors.ts'
import { nodeArguments } from '../supervisor/nodes/process-driver.ts'
import { renderReport } from '../tour/report/render.ts'
import type { TourReport } from '../tour/report/report.ts'
import { tourSystemOf } from '../tour/system.ts'
import { defaultRate, runTour, type TourProgress } from '../tour/tour.ts'
import { type Command, type TargetSystem, UsageError, wholeNumber } from './command.ts'
import { highestRungHere } from './highest-rung.ts'

const progressIntervalMs = 5000

export const tour: Command = {
  name: 'tour',
  usage: '[--minutes M] [--rate R] [--report DIR]',
  summary: 'climb every rung under constant load, kill things on the way, report',
  options: { minutes: { type: 'string' }, rate: { type: 'string' }, report: { type: 'string' } },
  async run(target, _words, values) {
    const minutes = values['minutes'] === undefined ? 3 : Number(values['minutes'])
    if (!(minutes > 0)) throw new UsageError(`--minutes must be a number above 0, got ${values['minutes']}`)
    const ratePerSecond = values['rate'] === undefined ? defaultRate() : wholeNumber(String(values['rate']), '--rate')
    const rungMax = await highestRungHere((text) => target.note(text))
    const dir = resolve(typeof values['report'] === 'string' ? values['report'] : 'tour')
    const isOurs = !(await isRunning(target))
    if (isOurs) {
      target.note('no system runs; starting one for the tour')
      await runCommand(target, ['up', '--detach'])
    }
    const report = await travel(target, { minutes, ratePerSecond, rungMax }).finally(async () => {
      if (isOurs) await runCommand(target, ['down'])
    })
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
    await writeFile(join(dir, 'report.html'), renderReport(report))
    target.print(report, `${report.verdict.summary}\nreport ${join(dir, 'report.html')}`)
    if (!report.verdict.isPassed) process.exitCode = 1
  },
}

async function travel(
  target: TargetSystem,
  { minutes, ratePerSecond, rungMax }: { minutes: number; ratePerSecond: number; rungMax: number },
): Promise<TourReport> {
  const client = await target.client()
  const { urls } = await client.status()
  return runTour({
    system: tourSystemOf(client, () => restart(target)),
    baseUrl: urls.app,
    minutes,
    ratePerSecond,
    rungMax,
    onProgress: showProgress(target),
  })
}

async function isRunning(target: TargetSystem): Promise<boolean> {
  const client = await target.client().catch(() => undefined)
  return (
    client !== undefined &&
    (await client.status().then(
      () => true,
      () => false,
    ))
  )
}

/** Down and up, as an operator would. */
async function restart(target: TargetSystem): Promise<void> {
  await runCommand(target, ['down'])
  await runCommand(target, ['up', '--detach'])
}

async function runCommand(target: TargetSystem, words: string[]): Promise<void> {
  const main = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url))
  const system = ['--app', target.appDir, '--data', target.home.dir, '--port-base', String(await target.portBase())]
  const child = spawn(process.execPath, [...nodeArguments(main), ...words, ...system], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise((done) => child.once('exit', done))
  if (code !== 0) throw new TenfoldError('program-failed', `\`tenfold ${words.join(' ')}\` ended with ${code}`)
}

function showProgress(target: TargetSystem): (progress: TourProgress) => void {
  let lastAct = ''
  let shownAtMs = 0
  return ({ act, elapsedMs, sent, failed, perSecond, p99Ms }) => {
    const isNewAct = act !== lastAct
    if (!isNewAct && elapsedMs - shownAtMs < progressIntervalMs) return
    lastAct = act
    shownAtMs = elapsedMs
    const seconds = String(Math.round(elapsedMs / 1000)).padStart(4)
    target.note(
      `${seconds} s  ${isNewAct ? `${act}  ` : '  '}${Math.round(perSecond)}/s  p99 ${Math.round(p99Ms)} ms  ${sent} sent  ${failed} failed`,
    )
  }
}
