/**
 * Takes a member out of a list whose order means nothing.
 *
 * What requests enter and leave stands in such lists, and not in a `Set`: one that takes and gives all the time moves to a new table every few
 * dozen entries, and V8 leaves in the old table its entries and a pointer to the new one. Once one such table has grown old, all that follow
 * are kept with what was in them, until the next full collection: scavenges of 25 ms that copied 28 MB, a quarter of what a HEAD cost. To look
 * through some hundred members costs less than the table did.
 */
export function takeOut<Member>(list: Member[], member: Member): void {
  const at = list.indexOf(member);
  const last = list.pop();
  if (last === undefined || last === member) return;
  if (at === -1) list.push(last);
  else list[at] = last;
}
