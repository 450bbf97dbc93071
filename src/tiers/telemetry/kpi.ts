// The business figures that apps count. They go out on a channel; whoever collects them listens (kpi-collector.ts).

import { openChannel } from '../../base/channels.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { Kpi } from './contract.ts'

const channel = openChannel('tenfold:kpi')
/** The message that means "this subject was here". No counter may take its name. */
export const activeName = 'active'

export const kpi: Kpi = {
  count(name, value = 1) {
    if (!/^[a-z][a-z0-9._-]{0,99}$/.test(name) || name === activeName)
      throw new TenfoldError(
        'bad-input',
        `${JSON.stringify(name)} is not a counter's name: small letters, digits, dots`,
      )
    if (!Number.isFinite(value)) throw new TenfoldError('bad-input', `counter ${name} cannot be raised by ${value}`)
    channel.publish({ name, value })
  },
  active(userId) {
    if (typeof userId !== 'string' || userId.length === 0 || userId.length > 255)
      throw new TenfoldError('bad-input', 'an active user is named by a string of 1 to 255 characters')
    channel.publish({ name: activeName, value: 1, subject: userId })
  },
}
