// Scenes to photograph, drawn as SVG: ridges in mist, bokeh, a skyline at night, waves. Made by chance, so that each differs.

import type { Chance } from './chance.ts'

export interface Scene {
  width: number
  height: number
  svg: string
}

type Palette = readonly [sky: string, horizon: string, sun: string, ...layers: string[]]

const palettes: readonly [Palette, ...Palette[]] = [
  ['#1b2a49', '#f3a683', '#ffe8c2', '#6a5d7b', '#4b4a67', '#2f3454', '#1a2140'],
  ['#7fc8f8', '#f9f9f9', '#fff3b0', '#9dc5bb', '#5e8c7f', '#37675a', '#1f4a3f'],
  ['#2d1e2f', '#f15946', '#f9c22e', '#a23e48', '#6c3a5c', '#442b48', '#26172b'],
  ['#0b3954', '#bfd7ea', '#fefffe', '#7ba7bc', '#4d7c8a', '#2c5364', '#0f2d3a'],
  ['#f6d6ad', '#fceade', '#ff8c61', '#ce6a85', '#985277', '#5c374c', '#3b2233'],
  ['#123c3f', '#a8d5ba', '#f4e285', '#5b8e7d', '#3f7266', '#274e48', '#142f2c'],
  ['#3a1c71', '#ffaf7b', '#ffe29a', '#d76d77', '#9c4f7c', '#6a3a75', '#35225a'],
  ['#cfd9df', '#e2ebf0', '#ffffff', '#a5b1bb', '#7f8c98', '#5b6874', '#3a444f'],
]

const sizes: readonly [readonly [number, number], ...(readonly [number, number])[]] = [
  [1040, 780],
  [1040, 693],
  [860, 860],
  [780, 1040],
]

type Painter = (palette: Palette, width: number, height: number, chance: Chance) => string
const painters: readonly [Painter, ...Painter[]] = [ridges, ridges, waves, bokeh, skyline]

export function makeScene(chance: Chance): Scene {
  const [width, height] = chance.pick(sizes)
  const palette = chance.pick(palettes)
  const drawing = chance.pick(painters)(palette, width, height, chance)
  const [sky, horizon] = palette
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${sky}"/><stop offset=".75" stop-color="${horizon}"/></linearGradient>
</defs><rect width="100%" height="100%" fill="url(#sky)"/>${drawing}</svg>`
  return { width, height, svg }
}

function sun([, , colour]: Palette, width: number, height: number, chance: Chance): string {
  const [x, y] = [chance.between(0.15, 0.85) * width, chance.between(0.2, 0.5) * height]
  const radius = chance.between(0.04, 0.1) * height
  const halo = [4, 2.6, 1.7].map(
    (size) => `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius * size)}" opacity=".1"/>`,
  )
  return `<g fill="${colour}">${halo.join('')}<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}"/></g>`
}

function ridges(palette: Palette, width: number, height: number, chance: Chance): string {
  const [, , , ...layers] = palette
  const drawn = layers.map((colour, depth) => {
    const base = height * (0.5 + 0.13 * depth)
    return `<path d="${outline(width, height, base, height * (0.16 - 0.02 * depth), 0.6, chance)}" fill="${colour}"/>`
  })
  return sun(palette, width, height, chance) + drawn.join('')
}

/** A mountain's line, by halving: each middle point is moved by chance, less with every halving. */
function outline(width: number, height: number, base: number, swing: number, rough: number, chance: Chance): string {
  let line = [base + chance.between(-swing, swing), base + chance.between(-swing, swing)]
  for (let reach = swing; line.length < 129; reach *= rough)
    line = line.flatMap((y, index) => {
      const next = line[index + 1]
      return next === undefined ? [y] : [y, (y + next) / 2 + chance.between(-reach, reach)]
    })
  const step = width / (line.length - 1)
  return `M0 ${height}${line.map((y, index) => `L${round(index * step)} ${round(y)}`).join('')}L${width} ${height}Z`
}

function waves(palette: Palette, width: number, height: number, chance: Chance): string {
  const [, , , ...layers] = palette
  const drawn = Array.from({ length: 9 }, (_, index) => {
    const [y, rise] = [height * (0.38 + index * 0.07), height * chance.between(0.015, 0.05)]
    const length = width / chance.between(1.5, 3.5)
    const start = -chance.next() * length * 2
    const swells = Array.from(
      { length: 12 },
      () => `q${round(length / 2)} ${round(-rise * 2)} ${round(length)} 0t${round(length)} 0`,
    )
    return `<path d="M${round(start)} ${round(y)}${swells.join('')}V${height}H0Z" fill="${layers[index % layers.length]}" opacity=".82"/>`
  })
  return sun(palette, width, height, chance) + drawn.join('')
}

function bokeh(palette: Palette, width: number, height: number, chance: Chance): string {
  const colours = palette.slice(2)
  const lights = Array.from({ length: 70 }, () => {
    const [x, y, radius] = [chance.next() * width, chance.next() * height, chance.between(0.01, 0.12) * height]
    const colour = colours[chance.whole(0, colours.length - 1)]
    return `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${colour}" opacity="${chance.between(0.12, 0.6).toFixed(2)}"/>`
  })
  return lights.join('')
}

function skyline(palette: Palette, width: number, height: number, chance: Chance): string {
  const [, , light, ...layers] = palette
  const rows = layers.slice(-3).map((colour, depth) => {
    let houses = ''
    for (let x = 0; x < width; ) {
      const [wide, tall] = [chance.between(0.05, 0.11) * width, chance.between(0.2, 0.5 - depth * 0.1) * height]
      houses += `<rect x="${round(x)}" y="${round(height - tall)}" width="${round(wide + 1)}" height="${round(tall)}" fill="${colour}"/>`
      houses += windows(x, height - tall, wide, tall, chance)
      x += wide
    }
    return houses
  })
  return `${sun(palette, width, height, chance)}<g fill="${light}">${rows.join('')}</g>`
}

function windows(left: number, top: number, wide: number, tall: number, chance: Chance): string {
  let lit = ''
  for (let y = top + 14; y < top + tall - 10; y += 22)
    for (let x = left + 10; x < left + wide - 12; x += 18)
      if (chance.next() < 0.3) lit += `<rect x="${round(x)}" y="${round(y)}" width="7" height="10" opacity=".75"/>`
  return lit
}

function round(value: number): string {
  return value.toFixed(1)
}
