// Catches what a page throws while it is drawn: the rest of the interface goes on, and says what happened.

import { Component, type ReactNode } from 'react';
import { ErrorText } from './field.tsx';

interface Props {
  children: ReactNode;
}

export class ErrorBoundary extends Component<Props, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : <ErrorText error={this.state.error} />;
  }
}
