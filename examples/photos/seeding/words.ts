// Names, captions and comments of made-up people.

import type { Chance } from './chance.ts'

const givenNames = listed(
  ',',
  `
  Ada, Amara, Anouk, Aylin, Bao, Bruno, Carmen, Chidi, Dalia, Diego, Elif, Emre, Esther, Farid, Freya,
  Grace, Hana, Hugo, Ines, Ishaan, Jonas, Jun, Kaya, Kofi, Lena, Linus, Maya, Milan, Nadia, Noah, Olga,
  Omar, Priya, Quinn, Rosa, Ruben, Sana, Stefan, Tariq, Tess, Uma, Viktor, Wanda, Yara, Yusuf, Zoë`,
)
const familyNames = listed(
  ',',
  `
  Abara, Becker, Chen, Dubois, Eriksen, Fischer, García, Haddad, Ito, Jansen, Kaur, Larsen, Moreau, Novak,
  Okafor, Petrov, Quist, Rossi, Silva, Tanaka, Ueda, Varga, Weber, Yılmaz, Zhang`,
)
const captions = listed(
  '/',
  `
  Morning, before anybody was up / Worth the climb / The light lasted two minutes / Found this on the way
  home / No filter, just patience / Somewhere north / Day three. Feet sore, heart full / Trying a new lens
  / Blue hour / After the rain / Same place, one year later / I could stay here / Almost missed the train
  for this / Quiet / Postcard for my mother / The view from my desk, I wish / Last one, I promise / First
  try at this / Colour study /`,
)
const comments = listed(
  '/',
  `
  Lovely! / Where is this? / These colours … / I want to be there now / One of your best / Wow / That
  light! / Makes my day, thank you / How did you do this? / Framed and on my wall, in my mind / So calm /
  More of these, please / I was there last summer and it rained / The composition is perfect / ♥ / Teach me
  / This deserves a bigger screen`,
)

/** No two users share a name: beyond the plain combinations a number is added. */
export function nameOf(user: number): string {
  const given = givenNames[user % givenNames.length]
  // Steps on by one more with each round, so that neighbours do not share a family name either.
  const round = Math.floor(user / givenNames.length)
  const family = familyNames[(user * 7 + round) % familyNames.length]
  const repeat = Math.floor(user / (givenNames.length * familyNames.length))
  return repeat === 0 ? `${given} ${family}` : `${given} ${family} ${repeat + 1}`
}

export function captionFor(chance: Chance): string {
  return chance.pick(captions)
}

export function commentFor(chance: Chance): string {
  return chance.pick(comments)
}

function listed(separator: string, text: string): [string, ...string[]] {
  const [first = '', ...rest] = text.split(separator).map((item) => item.replace(/\s+/g, ' ').trim())
  return [first, ...rest]
}
