// What runs in a thread for each upload. A picture that cannot be decoded is an answer and no failure: trying again would not
// mend it.

import { makeThumbnails } from './picture.ts'

export type MadeThumbnails =
  | { isMade: true; small: Uint8Array; large: Uint8Array; width: number; height: number; version: string }
  | { isMade: false; reason: string }

async function handle(_job: unknown, original: Uint8Array): Promise<MadeThumbnails> {
  try {
    return { isMade: true, ...(await makeThumbnails(original)) }
  } catch (error) {
    return { isMade: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

export { handle as default }
