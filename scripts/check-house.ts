console.log('house ok');
