/* An id that the server does not know (any more): the empty state, never another object. */

export function Gone({ what }: { what: string }) {
  return (
    <main id="main" tabIndex={-1}>
      <section class="panel empty">
        <h1>This {what} is not there</h1>
        <p>
          Nothing with this id is kept: it was never seen here, or its data have expired. <a href="/find">Find</a> knows
          what was seen.
        </p>
      </section>
    </main>
  );
}
