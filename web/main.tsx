// The page starts here.

import { createRoot } from 'react-dom/client';
import './theme.css';
import { App } from './app/app.tsx';

createRoot(document.getElementById('page')!).render(<App />);
