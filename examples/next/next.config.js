/** @type {import('next').NextConfig} */
const config = {
  // It stays a module of the server, and is put into no bundle.
  serverExternalPackages: ['strongroom'],
};

export default config;
