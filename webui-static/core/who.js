/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in, and what that role may do. The server decides; this only spares buttons that would be refused. */
import { createContext, useContext } from '../lib/preact.js';

export const Who = createContext(null);
export const useWho = () => useContext(Who);
export const useMay = () => ['operator', 'admin'].includes(useContext(Who)?.role);
