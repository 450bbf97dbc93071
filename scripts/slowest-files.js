// A reporter beside the usual one: the files that a run waits for longest, so that it is seen where the time goes.
import { relative } from 'node:path'

const shownMax = 15
const worthMs = 5000

export default async function* slowestFiles(source) {
  const files = []
  for await (const { type, data } of source)
    if (type === 'test:summary' && data.file && data.duration_ms >= worthMs) files.push(data)
  const slowest = files.sort((a, b) => b.duration_ms - a.duration_ms).slice(0, shownMax)
  for (const { file, duration_ms } of slowest)
    yield `${String(Math.round(duration_ms / 1000)).padStart(5)} s  ${relative(process.cwd(), file)}\n`
}
