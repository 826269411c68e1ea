import { type Ablations } from './ablations';
import { type Parameters } from './parameters';

/**
 * How long somebody must wait on the own clock until a lease of `leaseMs` on another machine's clock is surely over. One
 * clock may be slow by ρ and the other fast by ρ; the third ρ pays for second-order terms and the suspend guard's tolerance.
 */
export function outlasting(leaseMs: number, { rho }: Parameters, ablations: Ablations): number {
  return ablations.noDriftMargin ? leaseMs : leaseMs * (1 + 3 * rho);
}
