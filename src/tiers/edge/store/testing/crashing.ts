// A process that keeps and purges answers in a folder as fast as it can until it is killed, and says what it had purged.
//
//     node crashing.ts FOLDER FIRST PURGES
//
// prints `purged TAG VERSION`: no answer with that tag may be older than that from now on; `marked TAG VERSION`: those that are
// older need validation; and `removed URL VERSION`: no older one is under that. After so many of these it kills itself, in the same
// turn of the event loop as the last.

import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore } from '../store.ts'
import { keep, keyTo } from './answers.ts'
import { answerOf, crashBounds, keysCount, tagsCount } from './crash-answers.ts'
import { stream } from './streamed.ts'

const [, , directory, first, purges] = process.argv
const store = await openStore(crashBounds, { ...(directory === undefined ? {} : { directory }) })
let purgesLeft = Number(purges)
for (let version = Number(first); ; version++) {
  const { key, body, overrides } = answerOf(version)
  if (body.length > store.wholeBytesMax) await stream(store, key, body, overrides)
  else keep(store, key, body, overrides)
  if (version % 20 === 9) {
    // Of a tag that is only marked, so that there is something.
    const removed = keyTo(`/${(version * 17 + 1) % keysCount}`)
    for (const kept of [...store.find(removed)]) {
      store.remove(kept)
      tell(`removed ${removed.slice(4)} ${version}`)
    }
  }
  // As a 304 does, which writes a head over another one.
  const [other] = store.find(keyTo(`/${(version * 31) % keysCount}`))
  if (other) store.refresh(other, { ...other.head, fields: [['x', 'y'.repeat(version % 3000)]] })
  if (version % 20 === 19) {
    const tag = `t${Math.floor(version / 20) % tagsCount}`
    const soft = version % 40 === 19
    store.purge({ tag, soft })
    tell(`${soft ? 'marked' : 'purged'} ${tag} ${version}`)
  }
  if (version % 4 === 0) await nextTurn()
}

/** At once and by hand: what somebody was told counts. */
function tell(text: string): void {
  writeSync(1, `${text}\n`)
  if (--purgesLeft === 0) process.kill(process.pid, 'SIGKILL')
}
