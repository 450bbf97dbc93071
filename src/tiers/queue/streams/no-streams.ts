// What a queue without streams answers to whoever asks for one.

import { TenfoldError } from '../../../base/errors.ts'
import type { StreamTier } from './streams.ts'

const refuse = (): never => {
  throw new TenfoldError('not-built', 'this queue keeps no streams')
}
const refuseLater = async () => refuse()

export const noStreams: Pick<StreamTier, 'streams' | 'in' | 'list'> = {
  streams: { defineStream: refuse, stream: refuse, consume: refuse, rewind: refuseLater },
  in: () => ({ append: refuseLater }),
  list: async () => [],
}
