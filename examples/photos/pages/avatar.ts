// A face for every user, without a picture: the first letter on one of twelve colours that the id chooses.

import { type Html, html } from './html.ts'

const colours = 12

export function avatar(user: { id: string; name: string }, size: 'small' | 'medium' | 'large'): Html {
  const letter = [...user.name][0]?.toUpperCase() ?? '?'
  return html`<span class="avatar ${size} colour-${colourOf(user.id)}" aria-hidden="true">${letter}</span>`
}

function colourOf(id: string): number {
  let sum = 0
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_003
  return sum % colours
}
