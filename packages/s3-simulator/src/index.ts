export { startSimulator } from './simulator.ts';
export type {
  Fault,
  FaultEffect,
  PutObjectOptions,
  Simulator,
  SimulatorCredentials,
  SimulatorOptions,
  SimulatorRequest,
  StoredObject,
} from './types.ts';
