// Catches what a page throws while it is drawn: the rest of the interface goes on, and says what happened.

import { Component, type ReactNode } from 'react';
import { ErrorText } from './field.tsx';

interface Props {
  children: ReactNode;
  /** Where one is: what was thrown is forgotten when that changes. */
  place?: string;
}

export class ErrorBoundary extends Component<Props, { error?: Error | undefined }> {
  override state: { error?: Error | undefined } = {};

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override componentDidUpdate(before: Props): void {
    if (before.place !== this.props.place && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : <ErrorText error={this.state.error} />;
  }
}
