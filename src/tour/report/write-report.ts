// Puts a report where people find it: report.html to read, report.json for programs.

import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { renderReport } from './render.ts'
import type { TourReport } from './report.ts'

/** Makes the directory when it is not there; an older report in it is replaced. */
export async function writeReport(report: TourReport, dir: string): Promise<{ html: string; json: string }> {
  const root = resolve(dir)
  const files = { html: join(root, 'report.html'), json: join(root, 'report.json') }
  await mkdir(root, { recursive: true })
  await writeFile(files.html, renderReport(report))
  await writeFile(files.json, `${JSON.stringify(report, null, 1)}\n`)
  return files
}
