/** As what a server holds its vault, for whoever finds it in use. */
export const SERVER_HOLDER = 'strongroom serve';
