// `tenfold sessions list|revoke|rotate-key`: where a user is logged in, to end that, and a new key for cookies.

import type { ControlClient } from '../control/client.ts'
import type { Command } from './command.ts'

/** As session ids are (tiers/session/cookie.ts): no user is likely to be called like one. */
const idPattern = /^[\w-]{24}$/

export const sessionsList: Command = {
  name: 'sessions list',
  usage: 'USER',
  summary: 'where a user is logged in: ids, when each began, when it ends if it is not used',
  words: [1, 1],
  async run(target, [user = '']) {
    const sessions = await (await target.client()).sessions(user)
    const rows = sessions.map(({ id, createdAt, idleLeftMs }) => {
      const ends = new Date(Date.now() + idleLeftMs).toISOString()
      return `${id}  began ${createdAt ?? 'before that was kept'}  ends ${ends} unless it is used`
    })
    target.print({ sessions }, rows.length === 0 ? `user ${user} has no session` : rows.join('\n'))
  },
}

export const sessionsRevoke: Command = {
  name: 'sessions revoke',
  usage: 'USER | ID',
  summary: 'log a user out everywhere, or end one session',
  words: [1, 1],
  async run(target, [word = '']) {
    const done = await revoke(await target.client(), word)
    target.print(done, `${done.revoked} session${done.revoked === 1 ? '' : 's'} revoked`)
  },
}

export const sessionsRotateKey: Command = {
  name: 'sessions rotate-key',
  usage: '[--drop-old]',
  summary: 'let a new key sign cookies, live; nobody is logged out, but with --drop-old everybody',
  details: `Old keys verify as long as what they signed can live, and are dropped by a later rotation. --drop-old drops them at once: when
somebody else may have them.`,
  options: { 'drop-old': { type: 'boolean' } },
  words: [0, 0],
  async run(target, _words, values) {
    const done = await (await target.client()).rotateCookieKey({ dropsOld: values['drop-old'] === true })
    const dropped = done.dropped === 0 ? '' : `, ${done.dropped} old ones were dropped`
    target.print(done, `a new key signs cookies; ${done.keys} verify${dropped}`)
  },
}

async function revoke(client: ControlClient, word: string): Promise<{ revoked: number }> {
  if (idPattern.test(word)) {
    const done = await client.revokeSessions({ id: word })
    if (done.revoked > 0) return done
  }
  return client.revokeSessions({ user: word })
}
