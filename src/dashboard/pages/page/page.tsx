// The whole page: asks for a token where there is none, else shows the system.

import { useEffect, useState } from 'preact/hooks'
import { Overview } from '../charts/overview.tsx'
import { forgetToken, keepToken, takeToken } from '../client/token.ts'
import { EventFeed } from '../events/event-feed.tsx'
import { ClimbProgress } from '../ladder/climb-progress.tsx'
import { Ladder } from '../ladder/ladder.tsx'
import { LiveMap } from '../map/live-map.tsx'
import { NodePanel } from '../node-panel/node-panel.tsx'
import { useSystem } from '../system/use-system.ts'
import { Masthead } from './masthead.tsx'
import { Notice } from './notice.tsx'
import { TokenGate } from './token-gate.tsx'
import { useSelected } from './use-selected.ts'

export function Page() {
  const [token, setToken] = useState(takeToken)
  const [wasRefused, setRefused] = useState(false)
  if (token === null)
    return (
      <TokenGate
        wasRefused={wasRefused}
        onToken={(given) => {
          keepToken(given)
          setToken(given)
        }}
      />
    )
  return (
    <Dashboard
      token={token}
      onUnauthorized={() => {
        forgetToken()
        setRefused(true)
        setToken(null)
      }}
    />
  )
}

function Dashboard({ token, onUnauthorized }: { token: string; onUnauthorized: () => void }) {
  const system = useSystem(token, onUnauthorized)
  const [selected, select] = useSelected()
  const [notice, setNotice] = useState<string | null>(null)
  const { status, progress, connection, events, client } = system

  useEffect(() => {
    if (status) document.title = `${status.name} · rung ${status.rung} · Tenfold`
  }, [status?.name, status?.rung])

  return (
    <div class={`layout is-${connection.kind}`}>
      <Masthead system={system} status={status} />
      {status === null ? (
        <main class="waiting">{connection.kind === 'lost' ? 'No supervisor answers here.' : 'Reading the map…'}</main>
      ) : (
        <>
          <Ladder status={status} progress={progress} client={client} />
          <main class="stage">
            {progress && <ClimbProgress progress={progress} rung={status.rung} />}
            {!progress && status.lastFailure && (
              <p class="failure is-banner" role="alert">
                The last change gave up: {status.lastFailure}
              </p>
            )}
            <LiveMap system={system} status={status} selected={selected} onSelect={select} onNotice={setNotice} />
          </main>
          <div class="dock">
            <EventFeed events={events} onSelect={select} />
            {selected === null ? (
              <Overview status={status} history={system.history} client={client} />
            ) : (
              <NodePanel system={system} status={status} id={selected} onClose={() => select(null)} />
            )}
          </div>
        </>
      )}
      {notice !== null && <Notice message={notice} onClose={() => setNotice(null)} />}
    </div>
  )
}
