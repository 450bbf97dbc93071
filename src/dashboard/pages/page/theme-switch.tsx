// Light, dark, or as the machine has it.

import { useEffect, useState } from 'preact/hooks'

const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const storageKey = 'tenfold.theme'

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(
    () => themes.find((name) => name === localStorage.getItem(storageKey)) ?? 'auto',
  )
  useEffect(() => {
    localStorage.setItem(storageKey, theme)
    document.documentElement.dataset['theme'] = theme
  }, [theme])
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto'
  return (
    <button
      type="button"
      class="button is-small is-quiet"
      aria-label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => setTheme(next)}
    >
      <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true" class={`theme-icon is-${theme}`}>
        <circle cx="8" cy="8" r="6" />
        <path d="M8 2a6 6 0 0 1 0 12z" />
      </svg>
      <span>{theme}</span>
    </button>
  )
}
