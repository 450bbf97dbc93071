// Which node is open, kept in the address's fragment so that a reload or a link comes back to it.

import { useEffect, useState } from 'preact/hooks'

export function useSelected(): [selected: string | null, select: (node: string | null) => void] {
  const [selected, setSelected] = useState(read)
  useEffect(() => {
    const follow = () => setSelected(read())
    const close = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement
      if (event.key === 'Escape' && !isTyping && !document.querySelector('dialog[open]')) select(null)
    }
    addEventListener('hashchange', follow)
    addEventListener('keydown', close)
    return () => {
      removeEventListener('hashchange', follow)
      removeEventListener('keydown', close)
    }
  }, [])

  function select(node: string | null): void {
    setSelected(node)
    history.replaceState(null, '', node === null ? location.pathname : `#node=${node}`)
  }

  return [selected, select]
}

function read(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get('node')
}
