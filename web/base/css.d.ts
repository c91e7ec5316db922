// Style sheets as modules: class names by the names they have in the file.

declare module '*.module.css' {
  const classes: Record<string, string>;
  export default classes;
}
declare module '*.css';
