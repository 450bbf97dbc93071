// Shown without a token, or with one that the server refuses: where it is, and a field for it.

import { useState } from 'preact/hooks'
import { Mark } from './mark.tsx'

interface Props {
  wasRefused: boolean
  onToken: (token: string) => void
}

export function TokenGate({ wasRefused, onToken }: Props) {
  const [token, setToken] = useState('')
  return (
    <main class="gate">
      <form
        class="gate-card"
        onSubmit={(event) => {
          event.preventDefault()
          if (token.trim()) onToken(token.trim())
        }}
      >
        <Mark />
        <h1>Tenfold</h1>
        <p>
          This page can stop real processes, so it asks who you are. The token is in the app’s directory, in the file{' '}
          <code>.tenfold/token</code>; <code>tenfold up</code> and <code>tenfold status</code> print a link that carries
          it.
        </p>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            class="mono"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {wasRefused && (
          <p class="failure" role="alert">
            The server refused that token. Perhaps it belongs to another system, or has been made anew.
          </p>
        )}
        <button type="submit" class="button is-main">
          Open the dashboard
        </button>
      </form>
    </main>
  )
}
